/* Loaded into the store's process: notes how long a file was when each sync of it began, once the sync has succeeded.
   What lies beyond the last noted length is what a loss of power may take. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int noted(int fd, int (*sync)(int)) {
    struct stat before;
    int is_file = fstat(fd, &before) == 0 && S_ISREG(before.st_mode);
    const char *pause_us = getenv("SYNCS_PAUSE_US");
    if (is_file && pause_us) usleep((useconds_t)atoi(pause_us)); /* a slow disk: more is written and not yet synced */
    int result = sync(fd);
    const char *log_path = getenv("SYNCS_LOG");
    if (result == 0 && is_file && log_path) {
        char link[64], path[PATH_MAX], line[PATH_MAX + 32];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, sizeof path - 1);
        int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (length > 0 && log >= 0) {
            path[length] = 0;
            int size = snprintf(line, sizeof line, "%lld %s\n", (long long)before.st_size, path);
            if (write(log, line, (size_t)size) != size) abort();
        }
        if (log >= 0) close(log);
    }
    return result;
}

int fdatasync(int fd) {
    return noted(fd, (int (*)(int))dlsym(RTLD_NEXT, "fdatasync"));
}

int fsync(int fd) {
    return noted(fd, (int (*)(int))dlsym(RTLD_NEXT, "fsync"));
}

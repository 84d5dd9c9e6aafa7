// Reads what the installation counts, as Prometheus does, and says what happened between two readings.
const LINE = /^([a-z_]+)(?:\{(.*)\})? ([0-9.e+-]+|\+Inf|NaN)$/;
const LABEL = /(\w+)="([^"]*)"/g;

export const parse = (text) => {
  const found = [];
  for (const line of text.split("\n")) {
    const match = line.match(LINE);
    if (match) found.push({ name: match[1], labels: Object.fromEntries([...(match[2] || "").matchAll(LABEL)].map(([, name, value]) => [name, value])), value: Number(match[3]) });
  }
  return found;
};

const sums = (samples, name, label) => {
  const by = new Map();
  for (const { labels, value } of samples.filter((each) => each.name === name)) by.set(labels[label], (by.get(labels[label]) || 0) + value);
  return by;
};
const grown = (before, after) => new Map([...after].map(([key, value]) => [key, Math.max(0, value - (before.get(key) || 0))]));

// The bound of the bucket in which a share of what was counted lies, in seconds.
const within = (buckets, share) => {
  const bounds = [...buckets].map(([bound, count]) => [bound === "+Inf" ? Infinity : Number(bound), count]).sort(([a], [b]) => a - b);
  const all = bounds.at(-1)?.[1] || 0;
  return all ? bounds.find(([, count]) => count >= share * all)[0] : null;
};

export const between = (before, after, seconds) => {
  const decisions = grown(sums(before, "nextbest_decisions_total", "degraded"), sums(after, "nextbest_decisions_total", "degraded"));
  const buckets = grown(sums(before, "nextbest_decision_seconds_bucket", "le"), sums(after, "nextbest_decision_seconds_bucket", "le"));
  const all = [...decisions.values()].reduce((sum, each) => sum + each, 0);
  const degraded = [...decisions].filter(([reason, count]) => reason !== "none" && count);
  return { perSecond: all / seconds, p50: within(buckets, 0.5), p99: within(buckets, 0.99), degraded };
};

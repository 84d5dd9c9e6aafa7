"""The cash machine's side of the shell: content that machines keep for when the service is away, signed by the bank."""

"""The door in Slack: what people click, type and write there, taken in by Bolt for Python."""

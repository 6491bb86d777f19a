"""What is said to a node: requests and replies, the client that records them, items to send."""

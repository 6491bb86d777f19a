"""The JSON shapes that today's ao clients read, made from stored records. One file each."""

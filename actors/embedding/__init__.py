"""A node inside somebody's program: for coroutines, for blocking code, and for its tests."""

"""Speed and memory, where a user waits for them: runnable files that print tables. No part of the tests."""

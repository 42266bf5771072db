"""Which request gets which slots, and when? Pure: the time is an argument."""

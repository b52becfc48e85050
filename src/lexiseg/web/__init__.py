"""A service on HTTP and the page that people open: `lexiseg serve`. Needs the extra ``web``."""

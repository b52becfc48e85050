"""Programs for those who work on lexiseg: pictures, settings, the site."""

"""Reply formats: a file for each. May live here: what makes a reply of an answer."""

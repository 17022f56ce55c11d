"""The structures of image files, one format in each file, walked from the first byte to the end.

A reader is given all bytes of a file and tells what it says of itself.  It decodes no pixel, and raises where the
structure breaks; `sniff` turns that into words.
"""

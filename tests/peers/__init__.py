"""What stands across from us in tests: another browser, and a link that can be made bad."""

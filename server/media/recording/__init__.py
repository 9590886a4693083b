"""Files of a meeting: tracks as they came, one mixed sound, and what keeps them whole when the plug is pulled."""

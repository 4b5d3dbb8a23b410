"""The golden model: what every command yields and when it starts and finishes."""

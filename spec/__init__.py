"""What is true of the machine, said once."""

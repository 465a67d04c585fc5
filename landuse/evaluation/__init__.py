"""How right a map is: agreement with a reference, and areas with their uncertainty."""

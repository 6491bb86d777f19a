"""What a monitor sees, and what follows from it: pure rules over what others have written."""

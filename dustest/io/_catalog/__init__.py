"""Reading a catalogue: what is asked for, what is there, and what is plausible."""

int Crossing() { return 0; }

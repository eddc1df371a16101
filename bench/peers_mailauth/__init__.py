"""What bench/peers-mailauth is made of: the cases, the libraries, the pipe between."""

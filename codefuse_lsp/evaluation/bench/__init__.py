"""What the product takes: time, memory and requests, measured from outside as its users feel them."""

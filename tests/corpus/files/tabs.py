import math


def variance(values):
	"""Variance of a sample.

	Parameters
	----------
	values : list of float

	Returns
	-------
	float
	"""
	mean = sum(values) / len(values)
	return sum((value - mean) ** 2 for value in values) / (len(values) - 1)


class Histogram:
	def __init__(self, width):
		self.width = width
		self.bins = {}

	def add(self, value):
		try:
			index = math.floor(value / self.width)
		except (TypeError, OverflowError):
			return None
		else:
			self.bins[index] = self.bins.get(index, 0) + 1
		return index

	def bars(self, symbol="#"):
		lines = []
		for index in sorted(self.bins):
			low, count = index * self.width, self.bins[index]
			lines.append("{:8.2f} {}".format(low, symbol * count))
		return "\n".join(lines)

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace shapes {

class Shape {
 public:
  virtual ~Shape() = default;
  virtual double area() const = 0;

  std::string name() const {
    return name_;
  }

 protected:
  explicit Shape(std::string name) : name_(std::move(name)) {}

 private:
  std::string name_;
};

class Circle final : public Shape {
 public:
  explicit Circle(double radius) : Shape("circle"), radius_(radius) {
    if (radius < 0) {
      throw std::invalid_argument("radius");
    }
  }

  double area() const override {
    constexpr double pi = 3.14159265358979;
    return pi * radius_ * radius_;
  }

 private:
  double radius_;
};

/// Adds the areas up.
template <typename Iterator>
double total(Iterator begin, Iterator end) {
  double sum = 0;
  for (; begin != end; ++begin) {
    sum += (*begin)->area();
  }
  return sum;
}

std::vector<std::unique_ptr<Shape>> largest(std::vector<std::unique_ptr<Shape>> shapes,
                                            std::size_t count) {
  std::sort(shapes.begin(), shapes.end(), [](const auto &a, const auto &b) {
    return a->area() > b->area();
  });
  shapes.resize(std::min(count, shapes.size()));
  return shapes;
}

}  // namespace shapes

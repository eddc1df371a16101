#include "telemetry/registry.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

namespace postern::telemetry {

namespace {

constexpr std::string_view other_word = "other";
constexpr std::size_t cells_a_line = 8;

/// 0.1 ms to 100 s in steps of 1, 2.5 and 5, in nanoseconds.
std::vector<std::uint64_t> time_bounds() {
  std::vector<std::uint64_t> bounds;
  for (std::uint64_t decade = 100'000; decade < 100'000'000'000; decade *= 10) {
    bounds.insert(bounds.end(), {decade, decade * 5 / 2, decade * 5});
  }
  bounds.push_back(100'000'000'000);
  return bounds;
}

/// 1 KiB to 256 MiB in powers of 4.
std::vector<std::uint64_t> size_bounds() {
  std::vector<std::uint64_t> bounds;
  for (std::uint64_t size = 1u << 10; size <= 256u << 20; size *= 4) bounds.push_back(size);
  return bounds;
}

std::string joined(const std::string_view* values, std::size_t count) {
  std::string out(values[0]);
  for (std::size_t i = 1; i < count; ++i) {
    out += '\n';
    out += values[i];
  }
  return out;
}

std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

/// Nanoseconds as exact seconds; octets unchanged.
std::string in_unit(std::uint64_t value, MetricUnit unit) {
  if (unit != MetricUnit::seconds) return std::to_string(value);
  std::string out = fmt::format("{}.{:09}", value / 1'000'000'000, value % 1'000'000'000);
  while (out.back() == '0') out.pop_back();
  if (out.back() == '.') out.pop_back();
  return out;
}

std::string with_labels(const std::string& labels, std::string_view more = {}) {
  if (labels.empty() && more.empty()) return {};
  return fmt::format("{{{}{}{}}}", labels, labels.empty() || more.empty() ? "" : ",", more);
}

}  // namespace

std::atomic<std::size_t> Cells::next_thread{0};

Cells::Cells(std::size_t series, std::size_t shards)
    : shards_(shards),
      stride_((series + cells_a_line - 1) / cells_a_line * cells_a_line + cells_a_line),
      values_(std::make_unique<std::atomic<std::uint64_t>[]>(stride_ * shards)) {}

std::uint64_t Cells::total(std::size_t cell) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < shards_; ++i) {
    sum += values_[i * stride_ + cell].load(std::memory_order_relaxed);
  }
  return sum;
}

// The cells of a histogram: one per bound, one for larger values, one for the sum.
void Histogram::observe(std::uint64_t value) {
  if (!cells_) return;
  const auto bucket = std::lower_bound(bounds_->begin(), bounds_->end(), value) - bounds_->begin();
  cells_->mine(cell_ + static_cast<std::size_t>(bucket)).fetch_add(1, std::memory_order_relaxed);
  cells_->mine(cell_ + bounds_->size() + 1).fetch_add(value, std::memory_order_relaxed);
}

std::uint64_t Histogram::count() const {
  std::uint64_t sum = 0;
  if (!cells_) return 0;
  for (std::size_t i = 0; i <= bounds_->size(); ++i) sum += cells_->total(cell_ + i);
  return sum;
}

Dimension label(std::string name, std::initializer_list<std::string_view> values) {
  return label(std::move(name), std::vector<std::string>(values.begin(), values.end()));
}

Dimension label(std::string name, const std::vector<std::string>& values) {
  Dimension dimension{{std::move(name)}, {}};
  for (const std::string& value : values) dimension.values.push_back({value});
  return dimension;
}

Family::Family(std::string name, std::string help, MetricType type, MetricUnit unit,
               std::vector<Dimension> dimensions, Show show, std::size_t shards)
    : name_("postern_" + std::move(name)),
      help_(std::move(help)),
      type_(type),
      unit_(unit),
      show_(show) {
  for (Dimension& dimension : dimensions) {
    Axis axis;
    const std::size_t width = dimension.names.size();
    axis.dimension = std::move(dimension);
    auto& values = axis.dimension.values;
    const std::vector<std::string> other(width, std::string(other_word));
    const bool has_own = std::find(values.begin(), values.end(), other) != values.end();
    if (!has_own) values.push_back(other);
    axis.other = has_own ? values.size() : values.size() - 1;
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::vector<std::string_view> views(values[i].begin(), values[i].end());
      axis.index.emplace(joined(views.data(), width), i);
    }
    series_ *= axis.size();
    axes_.push_back(std::move(axis));
  }
  if (type_ == MetricType::histogram) {
    bounds_ = unit_ == MetricUnit::seconds ? time_bounds() : size_bounds();
  }
  cells_ = std::make_unique<Cells>(series_ * cells_each(), shards);
}

std::size_t Family::cells_each() const {
  return type_ == MetricType::histogram ? bounds_.size() + 2 : 1;
}

std::size_t Family::lines() const {
  // Per series: buckets, +Inf, sum and count.
  return series_ * (type_ == MetricType::histogram ? bounds_.size() + 3 : 1);
}

std::vector<std::string> Family::label_names() const {
  std::vector<std::string> names;
  for (const Axis& axis : axes_) {
    names.insert(names.end(), axis.dimension.names.begin(), axis.dimension.names.end());
  }
  return names;
}

std::size_t Family::Axis::find(const std::string_view* values) const {
  const std::size_t width = dimension.names.size();
  auto found = width == 1 ? index.find(values[0]) : index.find(joined(values, width));
  if (found != index.end()) return found->second;
  // A known first label with an unknown second one keeps the first.
  if (width > 1) {
    std::vector<std::string_view> near(values, values + width);
    near.back() = other_word;
    found = index.find(joined(near.data(), width));
    if (found != index.end()) return found->second;
  }
  const std::vector<std::string_view> other_views(width, other_word);
  return index.at(joined(other_views.data(), width));
}

std::size_t Family::series_of(std::initializer_list<std::string_view> values) const {
  std::size_t series = 0;
  const std::string_view* at = values.begin();
  for (const Axis& axis : axes_) {
    if (at + axis.dimension.names.size() > values.end()) return series_;
    series = series * axis.size() + axis.find(at);
    at += axis.dimension.names.size();
  }
  return at == values.end() ? series : series_;
}

Counter Family::counter(std::initializer_list<std::string_view> values) {
  const std::size_t series = series_of(values);
  return type_ == MetricType::counter && series < series_ ? Counter(cells_.get(), series)
                                                          : Counter();
}

Gauge Family::gauge(std::initializer_list<std::string_view> values) {
  const std::size_t series = series_of(values);
  return type_ == MetricType::gauge && series < series_ ? Gauge(cells_.get(), series) : Gauge();
}

Histogram Family::histogram(std::initializer_list<std::string_view> values) {
  const std::size_t series = series_of(values);
  return type_ == MetricType::histogram && series < series_
             ? Histogram(cells_.get(), series * cells_each(), &bounds_)
             : Histogram();
}

std::string Family::labels_of(std::size_t series, bool& is_other) const {
  std::vector<std::size_t> places(axes_.size());
  for (std::size_t i = axes_.size(); i-- > 0;) {
    places[i] = series % axes_[i].size();
    series /= axes_[i].size();
  }
  std::string out;
  is_other = false;
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    const Dimension& dimension = axes_[i].dimension;
    is_other = is_other || places[i] == axes_[i].other;
    for (std::size_t j = 0; j < dimension.names.size(); ++j) {
      out += fmt::format("{}{}=\"{}\"", out.empty() ? "" : ",", dimension.names[j],
                         escaped(dimension.values[places[i]][j]));
    }
  }
  return out;
}

void Family::render_histogram(std::string& out, std::size_t series,
                              const std::string& labels) const {
  const std::size_t cell = series * cells_each();
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < bounds_.size(); ++i) {
    count += cells_->total(cell + i);
    out += fmt::format("{}_bucket{} {}\n", name_,
                       with_labels(labels, fmt::format("le=\"{}\"", in_unit(bounds_[i], unit_))),
                       count);
  }
  count += cells_->total(cell + bounds_.size());
  out += fmt::format("{}_bucket{} {}\n", name_, with_labels(labels, "le=\"+Inf\""), count);
  out += fmt::format("{}_sum{} {}\n", name_, with_labels(labels),
                     in_unit(cells_->total(cell + bounds_.size() + 1), unit_));
  out += fmt::format("{}_count{} {}\n", name_, with_labels(labels), count);
}

void Family::render(std::string& out) const {
  static constexpr std::string_view types[] = {"counter", "gauge", "histogram"};
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name_, help_, name_,
                     types[static_cast<std::size_t>(type_)]);
  for (std::size_t series = 0; series < series_; ++series) {
    bool is_other = false;
    const std::string labels = labels_of(series, is_other);
    bool used = false;
    for (std::size_t i = 0; i < cells_each() && !used; ++i) {
      used = cells_->total(series * cells_each() + i) != 0;
    }
    if (!used && (is_other || show_ == Show::used)) continue;
    if (type_ == MetricType::histogram) {
      render_histogram(out, series, labels);
    } else if (type_ == MetricType::gauge) {
      const auto value = static_cast<std::int64_t>(cells_->total(series));
      const std::uint64_t size =
          value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
      out += fmt::format("{}{} {}{}\n", name_, with_labels(labels), value < 0 ? "-" : "",
                         in_unit(size, unit_));
    } else {
      out += fmt::format("{}{} {}\n", name_, with_labels(labels), cells_->total(series));
    }
  }
}

Registry::Registry(std::size_t shards)
    : shards_(shards > 0 ? shards
                         : std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 16)) {}

Family& Registry::add(std::string name, std::string help, MetricType type,
                      std::vector<Dimension> dimensions, MetricUnit unit, Show show) {
  families_.push_back(std::make_unique<Family>(std::move(name), std::move(help), type, unit,
                                               std::move(dimensions), show, shards_));
  return *families_.back();
}

Ranking& Registry::add_ranking(std::string name, std::string help, Ranking::Labels labels,
                               std::size_t most) {
  rankings_.push_back(
      std::make_unique<Ranking>(std::move(name), std::move(help), std::move(labels), most));
  return *rankings_.back();
}

std::string Registry::render() const {
  std::string out;
  for (const auto& family : families_) family->render(out);
  for (const auto& ranking : rankings_) ranking->render(out);
  return out;
}

}  // namespace postern::telemetry

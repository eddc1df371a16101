// Counters, gauges and histograms for /metrics. Each label takes its values from a closed set that
// is known before the first sample, so the number of series is fixed and input from the network
// never creates one; a value outside the set counts as "other". Counting is one relaxed atomic
// addition in the caller's shard.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "telemetry/ranking.h"

namespace postern::telemetry {

/// Numeric cells: one per series and shard. Shards prevent threads from sharing cache lines.
/// Thread-safe.
class Cells {
 public:
  /// All cells are 0.
  Cells(std::size_t series, std::size_t shards);
  /// The cell in the calling thread's shard.
  std::atomic<std::uint64_t>& mine(std::size_t cell) { return values_[shard() * stride_ + cell]; }
  /// The cell in the first shard, for values that are set.
  std::atomic<std::uint64_t>& first(std::size_t cell) { return values_[cell]; }
  /// The sum over all shards.
  std::uint64_t total(std::size_t cell) const;

 private:
  std::size_t shard() const {
    static thread_local const std::size_t thread = next_thread.fetch_add(1);
    return thread % shards_;
  }
  static std::atomic<std::size_t> next_thread;

  std::size_t shards_;
  std::size_t stride_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> values_;
};

/// A handle to one series; small, copyable, valid as long as its registry. A default-constructed
/// one counts nothing. Thread-safe.
class Counter {
 public:
  Counter() = default;
  /// Adds `n`.
  void add(std::uint64_t n = 1) {
    if (cells_) cells_->mine(cell_).fetch_add(n, std::memory_order_relaxed);
  }
  /// The current value; 0 without series.
  std::uint64_t value() const { return cells_ ? cells_->total(cell_) : 0; }

 private:
  friend class Family;
  Counter(Cells* cells, std::size_t cell) : cells_(cells), cell_(cell) {}
  Cells* cells_ = nullptr;
  std::size_t cell_ = 0;
};

/// A handle to one series, as Counter, for values that may decrease.
class Gauge {
 public:
  Gauge() = default;
  /// Adds `n`, which may be negative. Use either add() or set() on a gauge, not both.
  void add(std::int64_t n) {
    if (cells_)
      cells_->mine(cell_).fetch_add(static_cast<std::uint64_t>(n), std::memory_order_relaxed);
  }
  /// Sets the value.
  void set(std::int64_t n) {
    if (cells_)
      cells_->first(cell_).store(static_cast<std::uint64_t>(n), std::memory_order_relaxed);
  }
  /// The current value; 0 without series.
  std::int64_t value() const {
    return cells_ ? static_cast<std::int64_t>(cells_->total(cell_)) : 0;
  }

 private:
  friend class Family;
  Gauge(Cells* cells, std::size_t cell) : cells_(cells), cell_(cell) {}
  Cells* cells_ = nullptr;
  std::size_t cell_ = 0;
};

/// A handle to one series of buckets, as Counter, for nanoseconds or octets.
class Histogram {
 public:
  Histogram() = default;
  /// Counts a value in its bucket.
  void observe(std::uint64_t value);
  /// Counts a duration; a negative one counts as 0.
  void observe(std::chrono::nanoseconds took) {
    observe(static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0)));
  }
  /// The number of values so far.
  std::uint64_t count() const;

 private:
  friend class Family;
  Histogram(Cells* cells, std::size_t cell, const std::vector<std::uint64_t>* bounds)
      : cells_(cells), cell_(cell), bounds_(bounds) {}
  Cells* cells_ = nullptr;
  std::size_t cell_ = 0;
  const std::vector<std::uint64_t>* bounds_ = nullptr;
};

/// The values of one label, or of several labels that are only meaningful together (code and
/// enhanced code): each element of `values` has one value per name.
struct Dimension {
  /// Label names.
  std::vector<std::string> names;
  /// The closed set.
  std::vector<std::vector<std::string>> values;
};
/// A dimension with one label.
Dimension label(std::string name, std::initializer_list<std::string_view> values);
/// As above.
Dimension label(std::string name, const std::vector<std::string>& values);

/// The metric types of the Prometheus text format.
enum class MetricType : std::uint8_t { counter, gauge, histogram };
/// The unit of the values; selects the buckets of a histogram.
enum class MetricUnit : std::uint8_t { none, seconds, octets };
/// Whether series that were never counted are rendered as 0. `used` is for families with many label
/// combinations, most of which cannot occur.
enum class Show : std::uint8_t { all, used };

/// All series with one name.
class Family {
 public:
  /// `name` is without the prefix `postern_`. `shards`: at least 1.
  Family(std::string name, std::string help, MetricType type, MetricUnit unit,
         std::vector<Dimension> dimensions, Show show, std::size_t shards);

  /// The exposed name.
  const std::string& name() const { return name_; }
  /// For the HELP line.
  const std::string& help() const { return help_; }
  /// The metric type.
  MetricType type() const { return type_; }
  /// The maximum number of exposition lines, including "other".
  std::size_t lines() const;
  /// In order of the dimensions.
  std::vector<std::string> label_names() const;
  /// Appends the exposition text. Thread-safe.
  void render(std::string& out) const;

  /// The handle of the series with these label values. Each is a hash lookup: keep the handle.
  Counter counter(std::initializer_list<std::string_view> values);
  Gauge gauge(std::initializer_list<std::string_view> values);
  Histogram histogram(std::initializer_list<std::string_view> values);

 private:
  std::size_t series_of(std::initializer_list<std::string_view> values) const;
  std::size_t cells_each() const;
  std::string labels_of(std::size_t series, bool& is_other) const;
  void render_histogram(std::string& out, std::size_t series, const std::string& labels) const;

  /// Allows lookups by string_view without a copy.
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  /// A dimension with "other" after its values, and an index from the joined values to positions.
  struct Axis {
    Dimension dimension;
    std::size_t other = 0;  ///< position of the appended "other"; size() if the set has its own
    std::unordered_map<std::string, std::size_t, TextHash, std::equal_to<>> index;
    std::size_t size() const { return dimension.values.size(); }
    std::size_t find(const std::string_view* values) const;
  };

  std::string name_;
  std::string help_;
  MetricType type_;
  MetricUnit unit_;
  Show show_;
  std::vector<Axis> axes_;
  std::size_t series_ = 1;
  std::vector<std::uint64_t> bounds_;
  std::unique_ptr<Cells> cells_;
};

/// All families. Registration is not thread-safe; rendering is.
class Registry {
 public:
  explicit Registry(std::size_t shards = 0);  ///< 0: one per core, at most 16
  /// Adds a family; the reference is valid as long as the registry.
  Family& add(std::string name, std::string help, MetricType type,
              std::vector<Dimension> dimensions = {}, MetricUnit unit = MetricUnit::none,
              Show show = Show::all);
  /// Adds a gauge with a series for each of the `most` largest values and one for the others.
  Ranking& add_ranking(std::string name, std::string help, Ranking::Labels labels,
                       std::size_t most);
  /// The Prometheus text exposition format 0.0.4.
  std::string render() const;
  /// In order of registration.
  const std::vector<std::unique_ptr<Family>>& families() const { return families_; }
  /// In order of registration.
  const std::vector<std::unique_ptr<Ranking>>& rankings() const { return rankings_; }

 private:
  std::size_t shards_;
  std::vector<std::unique_ptr<Family>> families_;
  std::vector<std::unique_ptr<Ranking>> rankings_;
};

}  // namespace postern::telemetry

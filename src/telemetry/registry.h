// Counters, gauges and histograms behind /metrics. Every label takes its values from a closed set
// that is known before the first sample, so the number of series is fixed and nothing from the wire
// becomes one; a value outside the set counts as "other". Counting is one relaxed atomic addition
// in the caller's own shard.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "telemetry/ranking.h"

namespace postern::telemetry {

/// One numeric cell a series and shard. Shards keep event loops off each other's cache lines.
class Cells {
 public:
  Cells(std::size_t series, std::size_t shards);
  std::atomic<std::uint64_t>& mine(std::size_t cell) { return values_[shard() * stride_ + cell]; }
  std::atomic<std::uint64_t>& first(std::size_t cell) { return values_[cell]; }
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

/// A series to count in; small, copied freely, valid as long as its registry. A default-made one
/// counts nothing.
class Counter {
 public:
  Counter() = default;
  void add(std::uint64_t n = 1) {
    if (cells_) cells_->mine(cell_).fetch_add(n, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return cells_ ? cells_->total(cell_) : 0; }

 private:
  friend class Family;
  Counter(Cells* cells, std::size_t cell) : cells_(cells), cell_(cell) {}
  Cells* cells_ = nullptr;
  std::size_t cell_ = 0;
};

class Gauge {
 public:
  Gauge() = default;
  /// Either add() or set() is used on a gauge, not both.
  void add(std::int64_t n) {
    if (cells_)
      cells_->mine(cell_).fetch_add(static_cast<std::uint64_t>(n), std::memory_order_relaxed);
  }
  void set(std::int64_t n) {
    if (cells_)
      cells_->first(cell_).store(static_cast<std::uint64_t>(n), std::memory_order_relaxed);
  }
  std::int64_t value() const {
    return cells_ ? static_cast<std::int64_t>(cells_->total(cell_)) : 0;
  }

 private:
  friend class Family;
  Gauge(Cells* cells, std::size_t cell) : cells_(cells), cell_(cell) {}
  Cells* cells_ = nullptr;
  std::size_t cell_ = 0;
};

/// Nanoseconds or octets in buckets.
class Histogram {
 public:
  Histogram() = default;
  void observe(std::uint64_t value);
  void observe(std::chrono::nanoseconds took) {
    observe(static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0)));
  }
  std::uint64_t count() const;

 private:
  friend class Family;
  Histogram(Cells* cells, std::size_t cell, const std::vector<std::uint64_t>* bounds)
      : cells_(cells), cell_(cell), bounds_(bounds) {}
  Cells* cells_ = nullptr;
  std::size_t cell_ = 0;
  const std::vector<std::uint64_t>* bounds_ = nullptr;
};

/// The values one label may take, or several labels that go together (code and enhanced code): then
/// each element of `values` has one value a name.
struct Dimension {
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> values;
};
Dimension label(std::string name, std::initializer_list<std::string_view> values);
Dimension label(std::string name, const std::vector<std::string>& values);

enum class MetricType : std::uint8_t { counter, gauge, histogram };
enum class MetricUnit : std::uint8_t { none, seconds, octets };
/// Whether series that were never counted are shown as 0; `used` only where the product of the
/// labels is large and most of it cannot happen.
enum class Show : std::uint8_t { all, used };

class Family {
 public:
  Family(std::string name, std::string help, MetricType type, MetricUnit unit,
         std::vector<Dimension> dimensions, Show show, std::size_t shards);

  const std::string& name() const { return name_; }
  const std::string& help() const { return help_; }
  MetricType type() const { return type_; }
  /// Lines of the exposition at most, "other" included.
  std::size_t lines() const;
  std::vector<std::string> label_names() const;
  void render(std::string& out) const;

  Counter counter(std::initializer_list<std::string_view> values);
  Gauge gauge(std::initializer_list<std::string_view> values);
  Histogram histogram(std::initializer_list<std::string_view> values);

 private:
  std::size_t series_of(std::initializer_list<std::string_view> values) const;
  std::size_t cells_each() const;
  std::string labels_of(std::size_t series, bool& is_other) const;
  void render_histogram(std::string& out, std::size_t series, const std::string& labels) const;

  /// Lets a string_view be looked up without a copy.
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  /// A dimension with "other" behind its values and an index from the joined value to its place.
  struct Axis {
    Dimension dimension;
    std::size_t other = 0;  ///< index of the appended "other", or size when the set has its own
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

/// The families by name; made once, rendered often.
class Registry {
 public:
  explicit Registry(std::size_t shards = 0);  ///< 0: one a core, 16 at most
  Family& add(std::string name, std::string help, MetricType type,
              std::vector<Dimension> dimensions = {}, MetricUnit unit = MetricUnit::none,
              Show show = Show::all);
  /// A gauge with a series for each of the `most` largest and one for all others.
  Ranking& add_ranking(std::string name, std::string help, Ranking::Labels labels,
                       std::size_t most);
  /// Runs before each render(): for gauges that are cheaper to read than to keep.
  void before_render(std::function<void()> fill);
  /// Prometheus text exposition format 0.0.4.
  std::string render();
  const std::vector<std::unique_ptr<Family>>& families() const { return families_; }
  const std::vector<std::unique_ptr<Ranking>>& rankings() const { return rankings_; }

 private:
  std::size_t shards_;
  std::vector<std::unique_ptr<Family>> families_;
  std::vector<std::unique_ptr<Ranking>> rankings_;
  std::mutex mutex_;
  std::vector<std::function<void()>> fills_;
};

}  // namespace postern::telemetry

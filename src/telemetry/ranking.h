// A gauge for an open set of labels, such as destinations. The largest few values have their own
// series and the others share one, so the number of series is bounded.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace postern::telemetry {

/// One gauge. Thread-safe.
class Ranking {
 public:
  /// One value per label, in the order of the label names.
  using Labels = std::vector<std::string>;

  /// `most`: the number of series besides "other". The exposed name gets the prefix `postern_`.
  Ranking(std::string name, std::string help, Labels labels, std::size_t most);

  /// With the prefix `postern_`.
  const std::string& name() const { return name_; }
  /// For the HELP line.
  const std::string& help() const { return help_; }
  /// As given to the constructor.
  const Labels& label_names() const { return labels_; }

  /// Replaces all values. Label values are cut to 100 octets of printable ASCII.
  void set(std::vector<std::pair<Labels, std::uint64_t>> values);
  /// Appends the exposition text: the largest values, then "other", which is always present.
  void render(std::string& out) const;

 private:
  const std::string name_;
  const std::string help_;
  const Labels labels_;
  const std::size_t most_;
  mutable std::mutex mutex_;
  std::vector<std::pair<Labels, std::uint64_t>> largest_;
  std::uint64_t others_ = 0;
};

}  // namespace postern::telemetry

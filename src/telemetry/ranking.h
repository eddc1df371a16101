// A gauge for what no closed set names: destinations. The largest few have a series of their own,
// all others are one, so the number of series is bounded however many destinations there are.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace postern::telemetry {

/// Safe from any thread.
class Ranking {
 public:
  /// A value for each label, in their order.
  using Labels = std::vector<std::string>;

  Ranking(std::string name, std::string help, Labels labels, std::size_t most);

  const std::string& name() const { return name_; }
  const std::string& help() const { return help_; }
  const Labels& label_names() const { return labels_; }

  /// Takes the place of all values before. Label values are cut to 100 octets of printable ASCII.
  void set(std::vector<std::pair<Labels, std::uint64_t>> values);
  /// The largest, then "other", which is always there.
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

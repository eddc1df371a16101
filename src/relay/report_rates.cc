#include "relay/report_rates.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/text.h"

namespace postern::relay {
namespace {

std::string domain_key(const std::string& address) {
  const std::size_t at = address.rfind('@');
  return at == std::string::npos ? "@" : address.substr(at);
}

}  // namespace

std::size_t ReportRates::Window::total(std::int64_t now) {
  // Steps that left the window are cleared as time passes.
  const std::int64_t passed = std::min<std::int64_t>(now - last, steps);
  for (std::int64_t i = 1; i <= passed; ++i)
    counts[static_cast<std::size_t>((last + i) % static_cast<std::int64_t>(steps))] = 0;
  last = std::max(last, now);
  return std::accumulate(counts.begin(), counts.end(), std::size_t{0});
}

void ReportRates::Window::add(std::int64_t now) {
  total(now);
  auto& count = counts[static_cast<std::size_t>(last % static_cast<std::int64_t>(steps))];
  if (count < std::numeric_limits<std::uint16_t>::max()) ++count;
}

void ReportRates::Window::take_back(std::int64_t now) {
  total(now);
  for (std::size_t back = 0; back < steps; ++back) {
    auto& count = counts[(static_cast<std::size_t>(last) + steps - back) % steps];
    if (count == 0) continue;
    --count;
    return;
  }
}

ReportRates::Sent ReportRates::sent(std::string_view address, Time now) {
  const std::string key = lower(address);
  const std::int64_t at = now / step;
  return {.to_address = total_of(key, at), .to_domain = total_of(domain_key(key), at)};
}

void ReportRates::count(std::string_view address, Time now) {
  const std::string key = lower(address);
  const std::int64_t at = now / step;
  add_to(key, at);
  add_to(domain_key(key), at);
}

void ReportRates::take_back(std::string_view address, Time now) {
  const std::string key = lower(address);
  for (const std::string& each : {key, domain_key(key)}) {
    if (const auto found = windows_.find(each); found != windows_.end()) {
      found->second.take_back(now / step);
    }
  }
}

std::size_t ReportRates::total_of(const std::string& key, std::int64_t now) {
  if (const auto found = windows_.find(key); found != windows_.end())
    return found->second.total(now);
  if (windows_.size() + 2 > max_keys_) sweep(now);
  return windows_.size() + 2 > max_keys_ ? std::numeric_limits<std::size_t>::max() : 0;
}

void ReportRates::add_to(const std::string& key, std::int64_t now) {
  const auto found = windows_.find(key);
  if (found != windows_.end()) return found->second.add(now);
  if (windows_.size() >= max_keys_) return;
  Window& window = windows_[key];
  window.last = now;
  window.add(now);
}

/// Forgets addresses and domains without a report in their window. Runs at most once in a step,
/// because it is linear.
void ReportRates::sweep(std::int64_t now) {
  if (swept_ == now) return;
  swept_ = now;
  for (auto one = windows_.begin(); one != windows_.end();) {
    one = one->second.total(now) == 0 ? windows_.erase(one) : std::next(one);
  }
}

}  // namespace postern::relay

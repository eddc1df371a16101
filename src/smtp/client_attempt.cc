#include "smtp/client_attempt.h"

#include <algorithm>
#include <numeric>

#include "smtp/client_state.h"

namespace postern::smtp {
namespace {

constexpr std::size_t max_dials_per_host = 20;

std::vector<std::size_t> one_place_each(std::size_t hosts) {
  std::vector<std::size_t> places(hosts);
  std::iota(places.begin(), places.end(), std::size_t{0});
  return places;
}

}  // namespace

DeliveryAttempt::DeliveryAttempt(const OutboundMessage& message, std::size_t hosts)
    : DeliveryAttempt(message, one_place_each(hosts)) {}

DeliveryAttempt::DeliveryAttempt(const OutboundMessage& message,
                                 std::vector<std::size_t> host_of_place)
    : message_(message),
      host_of_place_(std::move(host_of_place)),
      hosts_(host_of_place_.empty() ? 0 : 1),
      open_(one_place_each(message.recipients.size())),
      lacking_(message.recipients.size()),
      remaining_(message),
      results_(message.recipients.size()),
      calls_of_(message.recipients.size(), 0) {}

std::optional<DeliveryAttempt::Dial> DeliveryAttempt::next() const {
  if (dial_.host >= host_of_place_.size() || open_.empty()) return std::nullopt;
  return dial_;
}

void DeliveryAttempt::unreachable(std::string_view why, EnhancedCode enhanced) {
  const RecipientResult result = own_result(enhanced, why, true);
  finished(std::vector<RecipientResult>(open_.size(), result), {});
}

void DeliveryAttempt::finished(const std::vector<RecipientResult>& results,
                               const DeliveryDone& done) {
  std::vector<std::size_t> still_open;
  bool all_lack = true;
  for (std::size_t i = 0; i < open_.size() && i < results.size(); ++i) {
    const std::size_t recipient = open_[i];
    const RecipientResult& result = results[i];
    // A host counts once for all its addresses.
    Lack& lack = lacking_[recipient];
    if (result.lacking && lack.last != host_of_place_[dial_.host]) {
      lack.last = host_of_place_[dial_.host];
      ++lack.hosts;
    }
    // A host's reply, or a missing feature, is more informative than an unreachable next host.
    RecipientResult& kept = results_[recipient];
    const bool says_more = result.code != 0 || result.lacking || !result.next_host;
    if (says_more || (kept.code == 0 && !kept.lacking)) {
      kept = result;
      calls_of_[recipient] = calls_;
    }
    if (result.next_host || (done.retry_without_tls && !result.lacking)) {
      still_open.push_back(recipient);
      all_lack = all_lack && result.lacking;
    }
  }
  ++calls_;
  open_ = std::move(still_open);
  ++dials_here_;
  const bool again = done.same_host && dials_here_ < max_dials_per_host;
  if (done.retry_without_tls && !dial_.without_tls) {
    dial_.without_tls = true;
  } else if (again) {
    dial_.again = true;
  } else {
    advance(all_lack);
  }
  if (open_.size() != remaining_.recipients.size()) {
    remaining_.recipients.clear();
    for (const std::size_t i : open_) remaining_.recipients.push_back(message_.recipients[i]);
  }
  if (!next()) conclude();
}

void DeliveryAttempt::advance(bool to_next_host) {
  const std::size_t host = host_of_place_[dial_.host];
  std::size_t place = dial_.host + 1;
  while (to_next_host && place < host_of_place_.size() && host_of_place_[place] == host) ++place;
  dial_ = {.host = place};
  dials_here_ = 0;
  if (place < host_of_place_.size() && host_of_place_[place] != host && !open_.empty()) ++hosts_;
}

/// The next host has not been dialled yet, unless another of its addresses has.
bool DeliveryAttempt::is_dialled() const {
  return dial_.again || dial_.without_tls ||
         (dial_.host > 0 && host_of_place_[dial_.host] == host_of_place_[dial_.host - 1]);
}

void DeliveryAttempt::skip_to(std::size_t place) {
  if (!next() || place <= dial_.host) return;
  if (is_dialled() && place < host_of_place_.size()) ++hosts_;
  if (!is_dialled() && place >= host_of_place_.size()) --hosts_;
  dial_ = {.host = place};
  dials_here_ = 0;
  if (!next()) conclude();
}

void DeliveryAttempt::end() { skip_to(host_of_place_.size()); }

/// A missing feature is a permanent failure only if every host of the attempt lacks it.
void DeliveryAttempt::conclude() {
  for (std::size_t i = 0; i < results_.size(); ++i) {
    if (!results_[i].lacking || lacking_[i].hosts >= hosts_) continue;
    results_[i].klass = ResultClass::temporary;
    results_[i].enhanced.klass = 4;
  }
}

}  // namespace postern::smtp

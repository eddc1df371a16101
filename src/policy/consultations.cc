#include "policy/consultations.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/text.h"

namespace postern::policy {

namespace {

constexpr std::string_view policy_request = "request=smtpd_access_policy\n";

constexpr std::string_view instance_line = "instance=";

/// A line of a policy request (Postfix SMTPD_POLICY_README) as older records have it: those of
/// 0.1.0 lack the server's address, and those of 0.2.0 say nothing of certificates. Their instance
/// is the session, which no later request can say.
std::string_view earlier_form(std::string_view line) {
  if (line.starts_with("server_address=") || line.starts_with("server_port=") ||
      line.starts_with(instance_line)) {
    return {};
  }
  return line.starts_with("ccert_") ? line.substr(0, line.find('=') + 1) : line;
}

/// Removes the first line, with its end, and returns it.
std::string_view take_line(std::string_view& request) {
  const std::string_view line =
      request.substr(0, std::min(request.find('\n'), request.size() - 1) + 1);
  request.remove_prefix(line.size());
  return line;
}

/// The same for a request and its earlier forms.
std::size_t hash_of(std::string_view service, std::string_view request) {
  constexpr std::hash<std::string_view> hash;
  std::size_t all = hash(service);
  if (!request.starts_with(policy_request)) return all * 31 + hash(request);
  while (!request.empty()) {
    const std::string_view line = earlier_form(take_line(request));
    if (!line.empty()) all = all * 31 + hash(line);
  }
  return all;
}

/// Whether an older record contains this request.
bool is_earlier_form(std::string_view recorded, std::string_view request) {
  if (!recorded.starts_with(policy_request)) return false;
  while (!request.empty()) {
    const std::string_view line = take_line(request);
    if (line.starts_with(instance_line) && recorded.starts_with(instance_line)) {
      (void)take_line(recorded);
    } else if (recorded.starts_with(line)) {
      recorded.remove_prefix(line.size());
    } else if (const std::string_view before = earlier_form(line); !before.empty()) {
      if (!recorded.starts_with(before)) return false;
      recorded.remove_prefix(before.size());
      if (!recorded.starts_with('\n')) return false;
      recorded.remove_prefix(1);
    }
  }
  return recorded.empty();
}

void drop(std::vector<std::uint32_t>& positions, std::uint32_t at) {
  const auto found = std::ranges::lower_bound(positions, at);
  if (found != positions.end() && *found == at) positions.erase(found);
}

}  // namespace

bool is_verification(std::string_view service) {
  return service == verify_service || service == verify_own_service ||
         service == probe_sender_service;
}

std::string verification_request(std::string_view address, std::size_t times) {
  std::string request(address);
  if (times > 0) request += " " + std::to_string(times + 1);
  return request;
}

std::string_view verified_address(std::string_view request) {
  const std::size_t blank = request.rfind(' ');
  const std::size_t at = request.rfind('@');
  if (blank == std::string_view::npos || at == std::string_view::npos || blank < at) return request;
  return request.substr(0, blank);
}

Consultations::Consultations(std::vector<Consultation> items) : items_(std::move(items)) {
  for (std::uint32_t at = 0; at < items_.size(); ++at) enter(at);
}

void Consultations::push_back(Consultation item) {
  items_.push_back(std::move(item));
  enter(static_cast<std::uint32_t>(items_.size() - 1));
}

void Consultations::prepend(const Consultations& earlier) {
  std::vector<Consultation> all = earlier.items_;
  all.insert(all.end(), std::make_move_iterator(items_.begin()),
             std::make_move_iterator(items_.end()));
  *this = Consultations(std::move(all));
}

template <class Change>
void Consultations::each_list_of(const Consultation& item, const Change& change) {
  if (!is_verification(item.service)) return;
  change(verifications_);
  change(by_address_[std::string(verified_address(item.request))]);
}

void Consultations::enter(std::uint32_t at) {
  const Consultation& item = items_[at];
  by_request_.emplace(hash_of(item.service, item.request), at);
  each_list_of(item, [&](Positions& list) {
    list.all.push_back(at);
    if (!item.in_shadow) list.enforced.push_back(at);
  });
}

void Consultations::hide_from(std::size_t at) {
  for (std::size_t i = items_.size(); i-- > at;) {  // from the end, where drop() moves nothing
    items_[i].in_shadow = true;
    each_list_of(items_[i],
                 [&](Positions& list) { drop(list.enforced, static_cast<std::uint32_t>(i)); });
  }
}

void Consultations::show(const Consultation& one) {
  if (!one.in_shadow) return;
  const auto at = static_cast<std::uint32_t>(&one - items_.data());
  items_[at].in_shadow = false;
  each_list_of(one, [&](Positions& list) {
    list.enforced.insert(std::ranges::lower_bound(list.enforced, at), at);
  });
}

const Consultation* Consultations::find(std::string_view service, std::string_view request,
                                        bool in_shadow) const {
  if (items_.empty()) return nullptr;
  const Consultation* first = nullptr;
  const auto [begin, end] = by_request_.equal_range(hash_of(service, request));
  for (auto at = begin; at != end; ++at) {
    const Consultation& one = items_[at->second];
    const bool earlier = first == nullptr || &one < first;
    if (earlier && (in_shadow || !one.in_shadow) && one.service == service &&
        (one.request == request || is_earlier_form(one.request, request))) {
      first = &one;
    }
  }
  return first;
}

std::size_t Consultations::compared(std::string_view service, std::string_view request) const {
  return by_request_.count(hash_of(service, request));
}

std::size_t Consultations::verifications(bool in_shadow) const {
  return verifications_.seen(in_shadow).size();
}

std::size_t Consultations::verifications_of(std::string_view address, std::size_t among,
                                            bool in_shadow) const {
  const auto found = among == 0 ? by_address_.end() : by_address_.find(std::string(address));
  if (found == by_address_.end()) return 0;
  const std::vector<std::uint32_t>& all = verifications_.seen(in_shadow);
  const std::vector<std::uint32_t>& own = found->second.seen(in_shadow);
  if (among >= all.size()) return own.size();
  return static_cast<std::size_t>(std::ranges::lower_bound(own, all[among]) - own.begin());
}

}  // namespace postern::policy

#include "policy/domain_set.h"

#include "base/text.h"

namespace postern::policy {

DomainSet::DomainSet(std::vector<std::string> entries) : entries_(std::move(entries)) {
  for (const std::string& entry : entries_) known_.insert(lower(entry));
}

bool DomainSet::contains(std::string_view domain) const {
  if (known_.empty() || domain.empty()) return false;
  const std::string name = lower(domain);
  if (known_.contains(name)) return name.front() != '.';
  for (std::size_t dot = name.find('.', 1); dot != std::string::npos;
       dot = name.find('.', dot + 1)) {
    if (known_.contains(name.substr(dot))) return true;
  }
  return false;
}

}  // namespace postern::policy

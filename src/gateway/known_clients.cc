#include "gateway/known_clients.h"

#include <utility>

namespace postern::gateway {

void KnownClients::remember(const std::string& client, const std::string& account,
                            policy::AskedBefore opened, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= max_clients_)
    std::erase_if(entries_, [&](const auto& one) { return now - one.second.at >= kept_; });
  if (entries_.size() >= max_clients_) entries_.clear();
  entries_[key_of(client, account)] = {.opened = std::move(opened), .at = now};
}

std::optional<policy::AskedBefore> KnownClients::find(const std::string& client,
                                                      const std::string& account,
                                                      Clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key_of(client, account));
  if (found == entries_.end() || now - found->second.at >= kept_) return std::nullopt;
  return found->second.opened;
}

}  // namespace postern::gateway

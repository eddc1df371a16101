#include "admin/tries.h"

#include <future>
#include <memory>
#include <vector>

#include "base/subscriber.h"

namespace postern::admin {

using Against = SubscriberCounter::Against;

std::optional<std::uint64_t> Tries::take(const std::string& key) {
  if (shared_ == nullptr) return own_.take(key);
  auto said = std::make_shared<std::promise<SharedCounts::Answer>>();
  std::future<SharedCounts::Answer> answer = said->get_future();
  shared_->count(limit_, key, [said](SharedCounts::Answer wait) { said->set_value(wait); });
  return answer.get();
}

void Tries::give_back(const std::string& key) {
  if (shared_ == nullptr) return own_.give_back(key);
  shared_->take_back(limit_, key);
}

void Tries::use_up(const std::string& key) {
  if (shared_ == nullptr) {
    for (std::uint64_t i = 0; i < limit_.most && !own_.take(key);) ++i;
    return;
  }
  // What is asked for together is one question to the database.
  std::vector<std::future<void>> counted;
  for (std::uint64_t i = 0; i < limit_.most; ++i) {
    auto said = std::make_shared<std::promise<void>>();
    counted.push_back(said->get_future());
    shared_->count(limit_, key, [said](const SharedCounts::Answer&) { said->set_value(); });
  }
  for (std::future<void>& one : counted) one.wait();
}

std::optional<std::uint64_t> ClientTries::take(const std::string& client, Against against) {
  if (const auto wait = by_client_.take(client)) return wait;
  if (against == Against::client) return std::nullopt;
  const auto wait = by_network_.take(std::string(network_of_key(client)));
  if (wait) by_client_.give_back(client);
  return wait;
}

void ClientTries::give_back(const std::string& client, Against against) {
  by_client_.give_back(client);
  if (against == Against::client_and_network) {
    by_network_.give_back(std::string(network_of_key(client)));
  }
}

}  // namespace postern::admin

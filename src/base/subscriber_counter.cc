#include "base/subscriber_counter.h"

#include "base/subscriber.h"

namespace postern {

void SubscriberCounter::set_limits(std::uint64_t of_client, std::uint64_t of_network,
                                   Clock::duration window, Clock::duration lockout) {
  by_client_.set_limits(of_client, window, lockout);
  by_network_.set_limits(of_network, window, lockout);
}

SubscriberCounter::Over SubscriberCounter::exceeded(std::string_view client,
                                                    Clock::time_point now) {
  if (by_client_.exceeded(client, now)) return Over::client;
  return by_network_.exceeded(network_of_key(client), now) ? Over::network : Over::none;
}

void SubscriberCounter::add(std::string_view client, Clock::time_point now) {
  by_client_.add(client, now);
  by_network_.add(network_of_key(client), now);
}

std::optional<std::uint64_t> SubscriberCounter::take(std::string_view client, Against against,
                                                     Clock::time_point now) {
  if (const auto wait = by_client_.take(client, now)) return wait;
  if (against == Against::client) return std::nullopt;
  const auto wait = by_network_.take(network_of_key(client), now);
  if (wait) by_client_.give_back(client);
  return wait;
}

void SubscriberCounter::give_back(std::string_view client, Against against) {
  by_client_.give_back(client);
  if (against == Against::client_and_network) by_network_.give_back(network_of_key(client));
}

}  // namespace postern

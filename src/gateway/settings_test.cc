#include "gateway/settings.h"

#include <gtest/gtest.h>

namespace postern::gateway {
namespace {

std::shared_ptr<ListenerSettings> named(std::string name) {
  auto settings = std::make_shared<ListenerSettings>();
  settings->name = std::move(name);
  return settings;
}

std::optional<Cidr> network(const char* text) {
  return text == nullptr ? std::nullopt : std::optional(*Cidr::parse(text));
}

TEST(Settings, the_closest_networks_count_the_clients_first) {
  const auto listener = named("plain");
  const auto add = [&](const char* name, const char* peer, const char* via) {
    listener->variants.push_back({network(peer), network(via), named(name)});
  };
  add("wide", "10.0.0.0/8", nullptr);
  add("near", "10.1.0.0/16", nullptr);
  add("to one", nullptr, "192.0.2.1");
  add("wide to one", "10.0.0.0/8", "192.0.2.1");
  struct Case {
    const char* client;
    const char* own;
    const char* name;
  };
  const Case cases[] = {
      {"203.0.113.1", "192.0.2.2", "plain"},  {"203.0.113.1", "192.0.2.1", "to one"},
      {"10.2.0.1", "192.0.2.2", "wide"},      {"10.2.0.1", "192.0.2.1", "wide to one"},
      {"10.1.0.1", "192.0.2.2", "near"},      {"10.1.0.1", "192.0.2.1", "near"},
      {"2001:db8::1", "2001:db8::2", "plain"}};
  for (const Case& one : cases) {
    const auto chosen =
        settings_for(listener, *IpAddress::parse(one.client), *IpAddress::parse(one.own));
    EXPECT_EQ(chosen->name, one.name) << one.client << " to " << one.own;
  }
}

}  // namespace
}  // namespace postern::gateway

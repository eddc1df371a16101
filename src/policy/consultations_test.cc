#include "policy/consultations.h"

#include <algorithm>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace postern::policy {
namespace {

constexpr std::string_view policy_service = "inet:127.0.0.1:10023";

std::string policy_request(std::size_t recipient) {
  return fmt::format(
      "request=smtpd_access_policy\nrecipient=user{}@example.com\nserver_address=192.0.2.1\n"
      "server_port=25\nsize=0\n\n",
      recipient);
}

/// What the searches say, by reading everything.
class Model {
 public:
  explicit Model(const Consultations& all, bool in_shadow) {
    for (const Consultation& one : all) {
      if (in_shadow || !one.in_shadow) seen_.push_back(&one);
    }
  }
  const Consultation* find(std::string_view service, std::string_view request) const {
    const auto found = std::ranges::find_if(seen_, [&](const Consultation* one) {
      return one->service == service && one->request == request;
    });
    return found == seen_.end() ? nullptr : *found;
  }
  std::size_t verifications_of(std::string_view address, std::size_t among) const {
    std::size_t count = 0;
    for (const Consultation* one : seen_) {
      if (!is_verification(one->service)) continue;
      if (among == 0) break;
      --among;
      if (verified_address(one->request) == address) ++count;
    }
    return count;
  }
  std::size_t verifications() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        seen_, [](const Consultation* one) { return is_verification(one->service); }));
  }

 private:
  std::vector<const Consultation*> seen_;
};

TEST(ConsultationsOfATransaction, searches_find_what_reading_all_finds) {
  std::mt19937 random(1);
  const auto below = [&](std::size_t end) { return random() % end; };
  const std::vector<std::string> services{std::string(verify_service),
                                          std::string(verify_own_service), "ldap:/people"};
  for (int round = 0; round < 200; ++round) {
    Consultations all;
    for (int step = 0; step < 60; ++step) {
      const std::string service = services[below(services.size())];
      const std::string address = fmt::format("user{}@example.com", below(4));
      switch (below(8)) {
        case 0:
          all.hide_from(all.size() - std::min<std::size_t>(all.size(), below(5)));
          break;
        case 1:
          if (const auto* one = all.find(service, address, true)) all.show(*one);
          break;
        case 2:
          if (step % 7 == 0) all = Consultations(std::vector(all.begin(), all.end()));
          break;
        case 3:
          if (step % 20 == 0) all.prepend({{service, address, "earlier", false, below(2) == 0}});
          break;
        default:
          all.push_back(
              {service, verification_request(address, below(3)), "x", false, below(4) == 0});
      }
      for (const bool in_shadow : {false, true}) {
        const Model model(all, in_shadow);
        const std::string request = verification_request(address, below(3));
        ASSERT_EQ(all.find(service, request, in_shadow), model.find(service, request));
        ASSERT_EQ(all.verifications(in_shadow), model.verifications());
        const std::size_t among = below(all.size() + 2);
        ASSERT_EQ(all.verifications_of(address, among, in_shadow),
                  model.verifications_of(address, among))
            << among;
      }
    }
  }
}

TEST(ConsultationsOfATransaction, copies_have_an_index_of_their_own) {
  Consultations all{{"verify", "a@example.com", "deliverable", false}};
  Consultations copy = all;
  copy.push_back({"verify", "a@example.com 2", "deliverable", false});
  EXPECT_EQ(all.verifications_of("a@example.com", 9, false), 1u);
  EXPECT_EQ(copy.verifications_of("a@example.com", 9, false), 2u);
  EXPECT_EQ(all.find("verify", "a@example.com 2", false), nullptr);
  EXPECT_EQ(copy.find("verify", "a@example.com", false), &copy[0]);
}

// A search reads one request, whether the transaction has 1,000 recipients or 10,000.
TEST(ConsultationsOfATransaction, a_search_compares_one_request_however_many_there_are) {
  for (const std::size_t recipients : {1'000u, 10'000u}) {
    Consultations all;
    std::size_t compared = 0;
    for (std::size_t i = 0; i < recipients; ++i) {
      all.push_back({std::string(policy_service), policy_request(i), "action=DUNNO", false});
      // The sender is asked about at each recipient anew.
      const std::size_t before = all.verifications(false);
      const std::size_t times = all.verifications_of("sender@example.org", before, false);
      ASSERT_EQ(times, i);
      const std::string request = verification_request("sender@example.org", times);
      ASSERT_EQ(all.find(verify_service, request, false), nullptr);
      all.push_back({std::string(verify_service), request, "deliverable", false});
      ASSERT_NE(all.find(verify_service, request, false), nullptr);
      ASSERT_NE(all.find(policy_service, policy_request(i), false), nullptr);
      compared += all.compared(verify_service, request);
      compared += all.compared(policy_service, policy_request(i));
    }
    EXPECT_EQ(compared, 2 * recipients);
  }
}

}  // namespace
}  // namespace postern::policy

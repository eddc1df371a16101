#include "dialect/vsl/delegation.h"

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace postern::dialect::vsl {
namespace {

using policy::Stage;
using namespace std::chrono_literals;

const Delegation scan{Stage::queued, "scan for viruses"};

TEST(Delegations, a_number_comes_back_once) {
  Delegations out;
  const std::string value = out.issue(scan);
  EXPECT_TRUE(value.starts_with(R"(sent; stage=postq; directive="scan for viruses"; id=")"))
      << value;
  EXPECT_EQ(out.outstanding(), 1u);
  EXPECT_EQ(out.redeem(value), scan);
  EXPECT_EQ(out.redeem(value), std::nullopt) << "replayed";
  EXPECT_EQ(out.outstanding(), 0u);
}

TEST(Delegations, only_the_number_counts) {
  Delegations out;
  const std::string value = out.issue({Stage::delivery, "a"});
  const std::string id = value.substr(value.find("id="));
  EXPECT_EQ(id.size(), 3 + 2 + 64u);
  EXPECT_EQ(out.redeem("sent; stage=postq; directive=\"other\"; " + id),
            (Delegation{Stage::delivery, "a"}));
}

TEST(Delegations, what_others_write_is_nothing) {
  Delegations out;
  const std::string value = out.issue(scan);
  const std::string number = value.substr(value.find("id=\"") + 4, 64);
  std::string near = number;
  near.back() = near.back() == '0' ? '1' : '0';
  const std::vector<std::string> forgeries = {"",
                                              "sent",
                                              "sent;",
                                              "sent; id=",
                                              "sent; id=\"\"",
                                              "sent; id=\"" + near + "\"",
                                              "sent; id=\"" + number.substr(1) + "\"",
                                              "received; id=\"" + number + "\"",
                                              "id=\"" + number + "\"",
                                              "sent; directive=\"; id=" + number + "\"",
                                              "sent; directive=\"x\\\"; id=" + number,
                                              "sent; stage=postq; directive=\"scan\"",
                                              "sent; id=\"" + std::string(64, '\0') + "\"",
                                              "sent; id=" + std::string(100'000, '0')};
  for (const std::string& forged : forgeries) {
    EXPECT_EQ(out.redeem(forged), std::nullopt) << forged;
  }
  EXPECT_EQ(out.redeem(value), scan) << "forgeries use nothing up";
}

TEST(Delegations, relays_may_fold_and_unquote) {
  Delegations out;
  std::string value = out.issue(scan);
  const std::string number = value.substr(value.find("id=\"") + 4, 64);
  EXPECT_EQ(out.redeem("Sent;\r\n\tstage=postq;\r\n directive=\"scan\" ;\r\n\tID=" + number + " "),
            scan);
}

TEST(Delegations, names_of_directives_stay_values) {
  Delegations out;
  const Delegation odd{Stage::queued, "a\"; id=\"1\\\r\nBcc: x\xff"};
  const std::string value = out.issue(odd);
  EXPECT_EQ(value.find_first_of("\r\n"), std::string::npos) << value;
  EXPECT_EQ(out.redeem(value), odd);
  const std::string long_value = out.issue({Stage::queued, std::string(5000, 'x')});
  EXPECT_LT(long_value.size(), 400u);
}

TEST(Delegations, numbers_live_for_an_hour) {
  Delegations out;
  const auto now = Delegations::Clock::now();
  const std::string old = out.issue(scan, now);
  const std::string young = out.issue(scan, now + 30min);
  EXPECT_EQ(out.redeem(old, now + 1h), std::nullopt);
  EXPECT_EQ(out.redeem(young, now + 1h), scan);
  const std::string first = out.issue(scan, now);
  const std::string last = out.issue(scan, now + 2h);
  EXPECT_EQ(out.outstanding(), 1u) << "old ones do not pile up";
  EXPECT_EQ(out.redeem(first, now), std::nullopt);
}

TEST(Delegations, there_are_so_many_at_most) {
  Delegations out;
  const std::string first = out.issue(scan);
  for (std::size_t i = 0; i < Delegations::most; ++i) out.issue(scan);
  EXPECT_EQ(out.outstanding(), Delegations::most);
  EXPECT_EQ(out.redeem(first), std::nullopt);
}

TEST(Delegations, threads_redeem_a_number_once) {
  Delegations out;
  std::vector<std::string> values;
  for (int i = 0; i < 200; ++i) values.push_back(out.issue(scan));
  EXPECT_EQ(std::set<std::string>(values.begin(), values.end()).size(), values.size());
  std::atomic<int> redeemed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (const std::string& value : values) redeemed += out.redeem(value).has_value() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(redeemed, 200);
}

}  // namespace
}  // namespace postern::dialect::vsl

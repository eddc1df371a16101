// A million webhooks in memory: octets of each, time of a lookup and of an edit.
//   directory_bench [webhooks]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/ulid.h"
#include "policy/directory.h"

namespace {

using namespace postern;
using Clock = std::chrono::steady_clock;

double resident_mib() {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  file >> pages >> pages;
  return pages * 4096 / (1 << 20);
}

std::shared_ptr<const policy::Webhook> webhook(std::size_t number, const std::string& id) {
  auto made = std::make_shared<policy::Webhook>();
  made->id = "wh_" + id;
  made->account_id = fmt::format("acc_01HX{:022}", number / 10);
  made->name = fmt::format("tickets {}", number);
  made->address = fmt::format("webhook-{:026}@hooks.example.net", number);
  made->target_url = fmt::format("https://app.example.com/hooks/{}", number);
  made->policy_id = fmt::format("pol_01HX{:022}", number / 100);
  made->secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKY==");
  return made;
}

double micros(Clock::duration took) {
  return std::chrono::duration<double, std::micro>(took).count();
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1000000;
  policy::Directory directory;
  directory.apply({.put_domains = {"hooks.example.net"}});
  const double before = resident_mib();
  std::vector<double> edits;
  edits.reserve(count);
  double loading = 0;
  for (std::size_t i = 0; i < count; ++i) {
    policy::Change change;
    change.put_webhooks.push_back(webhook(i, fmt::format("01HX{:022}", i)));
    const auto began = Clock::now();
    directory.apply(std::move(change));
    edits.push_back(micros(Clock::now() - began));
    loading += edits.back();
  }
  const double after = resident_mib();
  std::sort(edits.begin(), edits.end());
  std::printf("webhooks          %zu, %.0f MiB, %.0f octets each\n", directory.webhook_count(),
              after - before, (after - before) * (1 << 20) / static_cast<double>(count));
  std::printf("edit, one webhook %.2f us mean, p99.9 %.1f us, worst %.0f us\n",
              loading / static_cast<double>(count), edits[count - count / 1000 - 1], edits.back());
  std::size_t found = 0;
  const auto began = Clock::now();
  constexpr std::size_t lookups = 1000000;
  for (std::size_t i = 0; i < lookups; ++i) {
    const std::size_t number = (i * 2654435761u) % (2 * count);  // half of them unknown
    const auto route =
        directory.resolve({fmt::format("webhook-{:026}+tag", number), "hooks.example.net"});
    found += route.webhook ? 1 : 0;
  }
  std::printf("lookup            %.2f us with its text made, %zu of %zu found\n",
              micros(Clock::now() - began) / lookups, found, lookups);
  return 0;
}

// SPF with one include and two ip4 terms, names in memory: the case of the reference figures of
// other libraries.
#include <benchmark/benchmark.h>

#include <unordered_map>

#include "mailauth/spf/check_host.h"
#include "mailauth/spf/record.h"

namespace {

using namespace mailauth;

const std::unordered_map<std::string, std::string> zone{
    {"example.com", "v=spf1 include:_spf.example.net -all"},
    {"_spf.example.net", "v=spf1 ip4:192.0.2.0/24 ip4:198.51.100.0/24 ~all"},
};

spf::Result evaluate(const postern::IpAddress& client, spf::RecordCache* cache) {
  auto check = spf::check_host(
      {.client = client, .helo = "mail.example.com", .mail_from = "someone@example.com"},
      {.cache = cache});
  while (const Question* question = check.next()) {
    check.feed({.status = Answer::Status::found, .records = {zone.at(question->name)}});
  }
  return check.result();
}

void with_cache(benchmark::State& state) {
  spf::RecordCache cache;
  const auto client = postern::IpAddress::parse("198.51.100.7").value();
  for (auto _ : state) benchmark::DoNotOptimize(evaluate(client, &cache));
}
BENCHMARK(with_cache);

void without_cache(benchmark::State& state) {
  const auto client = postern::IpAddress::parse("198.51.100.7").value();
  for (auto _ : state) benchmark::DoNotOptimize(evaluate(client, nullptr));
}
BENCHMARK(without_cache);

}  // namespace

BENCHMARK_MAIN();

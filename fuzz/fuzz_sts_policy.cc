// Policies of MTA-STS, as a web server gives them: what is accepted can be used.
#include "invariant.h"
#include "relay/tls_policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const auto policy = relay::parse_sts_policy({reinterpret_cast<const char*>(data), size});
  if (!policy) {
    fuzz::must(policy.error().fault == Fault::malformed, "a file can only be malformed");
    fuzz::must(!policy.error().message.empty(), "an error is said");
    return 0;
  }
  fuzz::must(policy->mode == relay::StsPolicy::Mode::none || !policy->mx.empty(),
             "hosts are named");
  fuzz::must(policy->max_age <= 31'557'600, "a year at most");
  (void)relay::sts_allows(*policy, "mx.example.org");
  return 0;
}

// Search words for traces: any input is read or refused with a message, and an accepted search
// gives the same result twice.
#include "invariant.h"
#include "store/trace_words.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  using fuzz::must;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<store::TraceWords> words = store::parse_trace_words(text);
  if (!words) {
    must(!words.error().message.empty() && words.error().fault == Fault::malformed,
         "a refusal says why");
    return 0;
  }
  store::TraceRow row{.id = "01HX0000000000000000000000",
                      .outcome = "rejected",
                      .client_ip = "203.0.113.7",
                      .mail_from = std::string(text.substr(0, size / 2)),
                      .rcpt = "invoices@in.example.com",
                      .code = 550,
                      .enhanced = "5.7.1",
                      .rule = "client_in_networks"};
  must(store::matches(*words, row) == store::matches(*words, row), "one answer");
  if (words->empty()) must(store::matches(*words, row), "nothing asked for is found");
  return 0;
}

// The SMTP client and a hostile server, in any chunks. The first octet chooses the options, the
// second the chunks; the server sends the rest. At `\x01` it pauses until the client has sent
// something.
#include <algorithm>

#include "base/text.h"
#include "invariant.h"
#include "smtp/client_session.h"

namespace {

using namespace postern;
using namespace postern::smtp;
using fuzz::must;

const std::string message_text = "Subject: x\r\n\r\n.\r\n..dots\r\nend\r\n";

void check_commands(std::string_view output, const ClientOptions& options, bool tls) {
  must(output.empty() || output.ends_with("\r\n"), "what is said ends in CRLF");
  while (!output.empty()) {
    const std::size_t end = output.find('\n');
    must(end > 0 && output[end - 1] == '\r', "no bare LF is said");
    const std::string_view line = output.substr(0, end - 1);
    must(line.find('\r') == std::string_view::npos, "no bare CR is said");
    const bool about_mail = line.starts_with("MAIL") || line.starts_with("RCPT") ||
                            line.starts_with("AUTH") || line.starts_with("BDAT");
    must(!about_mail || tls || options.tls < TlsLevel::encrypt, "nothing is said before TLS");
    must(!line.starts_with("BDAT") || tls, "BDAT inside TLS only");
    output.remove_prefix(end + 1);
  }
}

class Fuzzed {
 public:
  Fuzzed(std::uint8_t choice, std::uint8_t pieces) : pieces_(pieces) {
    options_.ehlo_name = "relay.example";
    options_.tls = static_cast<TlsLevel>(choice & 3);
    options_.chunking = (choice & 4) != 0;
    if ((choice & 8) != 0) {
      options_.credentials = ClientCredentials{"u", Secret("p"), "n"};
      options_.auth_insecure = true;
    }
    message_.reverse_path = (choice & 16) != 0 ? "" : "a@example.com";
    message_.recipients = {{"b@example.org", "NEVER", ""}, {"c@example.org", "", ""}};
    if ((choice & 32) != 0) message_.recipients.push_back({"jö@bücher.example", "", ""});
    message_.smtputf8 = (choice & 32) != 0;
    message_.requiretls = (choice & 64) != 0;
    message_.body_8bit = (choice & 128) != 0;
    message_.size = message_text.size();
  }

  void run(std::string_view server) {
    ClientSession session(options_);
    session.deliver(message_);
    speak(session);
    unsigned step = pieces_;
    while (!server.empty()) {
      step = step * 1103515245 + 12345;
      std::size_t length = std::min<std::size_t>(server.size(), 1 + (step >> 16) % (1 + pieces_));
      const std::size_t pause = server.substr(0, length).find('\x01');
      if (pause != std::string_view::npos) length = pause;
      // A copy: the sanitizer detects a view that outlives the call.
      session.feed(std::string(server.substr(0, length)));
      server.remove_prefix(length + (pause != std::string_view::npos ? 1 : 0));
      if (pause != std::string_view::npos || pieces_ % 2 == 0) speak(session);
    }
    speak(session);
    session.lost(Lost::closed);
    speak(session);
    must(std::holds_alternative<DeliveryDone>(session.next()), "a lost connection is the end");
    for (const RecipientResult& result : session.results()) check(result);
  }

 private:
  void speak(ClientSession& session) {
    for (;;) {
      const std::string said = session.take_output();
      check_commands(said, options_, session.in_tls());
      ends_ += said.ends_with(".\r\n") || said.ends_with("end\r\n");
      session.written();
      const ClientEvent event = session.next();
      if (const auto* want = std::get_if<NeedText>(&event)) {
        must(want->offset < message_text.size() && want->room > 0, "text is asked for in range");
        session.text(message_text);
        continue;
      }
      if (!std::holds_alternative<NeedTls>(event)) return;
      if (pieces_ % 5 == 0) {
        session.tls_failed("fuzzed");
      } else {
        session.tls_started();
      }
    }
  }

  void check(const RecipientResult& result) const {
    must(result.klass != ResultClass::none, "everybody has a result");
    const int digit = result.klass == ResultClass::delivered   ? 2
                      : result.klass == ResultClass::temporary ? 4
                                                               : 5;
    must(result.enhanced.klass == digit, "the enhanced code is of the result's class");
    must(result.text.size() <= 1100, "text is bounded");
    must(std::all_of(result.text.begin(), result.text.end(), is_printable_ascii),
         "text is printable");
    if (result.klass != ResultClass::delivered) return;
    must(result.code >= 200 && result.code < 300, "delivered by a 2xx");
    must(ends_ > 0, "delivered after the end of the message was written");
    must(!result.next_host && !result.uncertain, "delivered is the end of it");
  }

  ClientOptions options_;
  OutboundMessage message_;
  std::uint8_t pieces_;
  std::size_t ends_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  Fuzzed(data[0], data[1]).run({reinterpret_cast<const char*>(data + 2), size - 2});
  return 0;
}

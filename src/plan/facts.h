// What is found out about a message, as variables: SPF, its signatures, its author, his domain's
// DMARC record, its size. What follows from them, the DMARC result above all, is computed by the
// production code.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "explain/play.h"
#include "plan/compile.h"
#include "plan/player.h"
#include "policy/authentication.h"

namespace postern::plan {

/// What sentences and policies tell apart of messages.
struct FactWords {
  /// Sets of signers: ".d" are the domains below d. What no set tells apart is one signer.
  std::vector<policy::DomainSet> signers;
  std::set<std::string> authors;  ///< domains of authors
  /// Octets: messages that are larger are told apart. All that somebody compares with.
  std::set<std::uint64_t> sizes;
  bool asks_dmarc = false;  ///< someone looks at DMARC
};

/// Which facts somebody looks at.
struct FactNeeds {
  bool sender = false;  ///< the domain that SPF is asked about
  bool spf = false;     ///< Evidence::spf
  bool dkim = false;    ///< Evidence::dkim
  bool author = false;  ///< Evidence::author
  bool dmarc = false;   ///< Evidence::dmarc, and all of the above
  bool size = false;    ///< MessageFacts::size
};

/// Variables for the facts of one message. A variable is made when it is first needed. Not
/// thread-safe.
class Facts {
 public:
  /// The first outlives this object. Throws NotCompiled for more signers than can be told apart.
  Facts(Vocabulary& vocabulary, const FactWords& words, mailauth::dmarc::Mode mode);

  /// Says what a question is answered with this evidence.
  using Judge = std::function<Leaf(const policy::Evidence&)>;
  /// The answers for all messages: the evidence has what `needs` names, the sender and HELO.
  Ref over(const FactNeeds& needs, const Judge& judge);
  /// 1 where the From fields have an address at a domain that `has` knows, which knows none but
  /// FactWords::authors and names below them.
  Ref author_in(const std::function<bool(const std::string&)>& has);

  /// The evidence of an assignment, for a dialogue with this sender and HELO. DMARC is left to be
  /// computed with text().
  app::FrozenEvidence frozen(const Assignment& values, const app::Dialogue& dialogue) const;
  /// The answer of DNS to the question for a DMARC record; nullopt: it is another question.
  std::optional<dns::Answer> text(const Assignment& values, const app::Dialogue& dialogue,
                                  const dns::Question& question) const;
  /// Both, for a player. This object outlives it.
  MessageWorld world() const;
  /// What an assignment says of the message, in words: "spf pass".
  std::vector<std::string> words_of(const Assignment& values) const;

 private:
  /// The values of the variables that are being gone through.
  struct Picked {
    std::size_t author = 0;
    std::size_t dkim = 0;
    std::size_t record = 0;
  };

  const OpenQuestion& question(const std::string& key);
  Ref over_sender(FactNeeds needs, const Judge& judge);
  Ref over_author(const FactNeeds& needs, policy::Evidence& evidence, const Judge& judge);
  Ref over_dkim(const FactNeeds& needs, Picked picked, policy::Evidence& evidence,
                const Judge& judge);
  Ref over_spf(const FactNeeds& needs, const Picked& picked, policy::Evidence& evidence,
               const Judge& judge);
  Ref over_size(const FactNeeds& needs, policy::Evidence& evidence, const Judge& judge);
  mailauth::dmarc::Author author(std::size_t value, const policy::Evidence& evidence) const;
  bool are_several(std::size_t author) const;
  mailauth::dkim::Results dkim(std::size_t value, const mailauth::dmarc::Author& author) const;
  mailauth::dmarc::Result dmarc(const policy::Evidence& evidence, std::size_t record) const;
  std::optional<dns::Answer> record_at(const std::string& name, std::size_t record,
                                       const mailauth::dmarc::Author& author) const;
  bool is_unrelated(const std::string& domain) const;
  std::size_t value_in(const Assignment& values, const std::string& key) const;

  Vocabulary& vocabulary_;
  const mailauth::dmarc::Mode mode_;
  std::set<std::string> names_;       ///< of authors and signers
  std::vector<std::string> signers_;  ///< ".": the author's own domain
  /// ".": the domain SPF is asked about; "": none; behind these with_others and fields.
  std::vector<std::string> authors_;
  std::vector<std::string> others_;   ///< domains that one of several authors may have
  std::vector<std::uint64_t> sizes_;  ///< of messages
  std::vector<std::string>
      records_;  ///< of DMARC; "": none; "?": DNS fails; "^…": the parent's too
  std::map<std::string, const OpenQuestion*, std::less<>> questions_;
};

}  // namespace postern::plan

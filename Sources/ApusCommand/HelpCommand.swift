internal import ApusBase

/// `apus help`: an overview, or the page of one command.
enum HelpCommand {
  static func run(_ invocation: borrowing Invocation, context: inout Context) throws(Failure) {
    guard let word = invocation.operands.first else {
      overview(context: &context)
      return
    }
    guard let verb = Verb(word: word) else {
      context.begin("no help on ")
      context.error.writer.safe(word)
      context.error.writer.text("; apus help lists the commands")
      throw context.end(.usage)
    }
    page(verb, context: &context)
  }

  private static func overview(context: inout Context) {
    context.output.writer.text(
      """
      apus - an init and supervisor for small boards

      usage: apus [--control PATH] COMMAND [OPTION...] [OPERAND...]


      """)
    for verb in Verb.allCases {
      context.output.writer.text("  ")
      context.output.writer.text(verb.word)
      context.output.writer.spaces(14 - verb.word.count)
      context.output.writer.text(verb.summary)
      context.output.endLine()
    }
    context.output.writer.text(
      """

      apus help COMMAND explains one of them. Every list prints JSON with --json.

      The supervisor is found at --control PATH, else $APUS_CONTROL, else
      $XDG_RUNTIME_DIR/apus/control, else /run/apus/control.

      exit status: 0 done, 1 failed, 2 wrong usage, 3 not running, 4 no such
      service, 5 not permitted, 6 no supervisor answers

      """)
  }

  private static func page(_ verb: Verb, context: inout Context) {
    context.output.writer.text("apus ")
    context.output.writer.text(verb.word)
    context.output.writer.text(" - ")
    context.output.writer.text(verb.summary)
    context.output.writer.text("\n\nusage: apus ")
    context.output.writer.text(verb.word)
    context.output.writer.text(verb.synopsis)
    context.output.writer.text("\n\n")
    context.output.writer.text(verb.manual)
    context.output.endLine()
    guard verb.request != nil else { return }
    context.output.writer.text(
      """

      --control PATH   ask the supervisor at this socket

      """)
  }
}

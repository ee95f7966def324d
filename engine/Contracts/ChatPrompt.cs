namespace Rudder.Engine;

/// <summary>A conversation as a prompt, up to the start of the assistant's turn.</summary>
/// <param name="Text">The messages under the model's chat template.</param>
/// <param name="Ids">The ids of the text. Special tokens in a message are ordinary text.</param>
/// <param name="StopIds">Ids that end the assistant's turn: the tokenizer's end of text, if it has one.</param>
public sealed record ChatPrompt(string Text, IReadOnlyList<int> Ids, IReadOnlyList<int> StopIds);

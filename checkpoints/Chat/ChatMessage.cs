namespace Rudder.Checkpoints;

/// <summary>One turn of a conversation.</summary>
/// <param name="Role">Who speaks: usually <c>system</c>, <c>user</c> or <c>assistant</c>.</param>
/// <param name="Content">What is said.</param>
/// <param name="Name">Name of the speaker; null if there is none. Few templates show it.</param>
public sealed record ChatMessage(string Role, string Content, string? Name = null);

namespace Rudder.Checkpoints;

/// <summary>A model folder is unusable. The message gives the file, the place, expected and actual content, and a remedy.</summary>
/// <param name="message">The message. Its values are cleaned and cut, so it may quote a damaged or hostile file.</param>
/// <param name="inner">The cause, if any.</param>
public class CheckpointException(MessageText message, Exception? inner = null) : Exception(message.ToString(), inner);

/// <summary>A text contains a token of the tokenizer that the model lacks.</summary>
/// <param name="id">The token's id.</param>
/// <param name="vocabulary">Number of ids of the model.</param>
public sealed class SurplusTokenException(int id, int vocabulary) : CheckpointException(
    $"A text holds the token of id {id}, which the tokenizer has and the model does not: its ids are 0 to {vocabulary - 1}. Leave that token out, or use the tokenizer that the model was trained with.")
{
    /// <summary>The token's id.</summary>
    public int Id { get; } = id;
}

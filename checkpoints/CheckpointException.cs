namespace Rudder.Checkpoints;

/// <summary>A model folder that cannot be used. The message names the file, the place in it, what was expected, what was found and a remedy.</summary>
/// <param name="message">The message. Values in it are cleaned and cut, so content of a damaged or hostile file may be quoted.</param>
/// <param name="inner">The failure underneath, where there was one.</param>
public class CheckpointException(MessageText message, Exception? inner = null) : Exception(message.ToString(), inner);

/// <summary>A text holds a token that the tokenizer has and the model does not.</summary>
/// <param name="id">The token's id.</param>
/// <param name="vocabulary">Number of ids of the model.</param>
public sealed class SurplusTokenException(int id, int vocabulary) : CheckpointException(
    $"A text holds the token of id {id}, which the tokenizer has and the model does not: its ids are 0 to {vocabulary - 1}. Leave that token out, or use the tokenizer that the model was trained with.")
{
    /// <summary>The token's id.</summary>
    public int Id { get; } = id;
}

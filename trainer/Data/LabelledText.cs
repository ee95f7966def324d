namespace Rudder.Trainer.Data;

/// <summary>A labelled review as token ids, without start and end tokens.</summary>
/// <param name="Id">The review's id.</param>
/// <param name="Ids">Its tokens.</param>
/// <param name="Label">Its label's number.</param>
internal sealed record LabelledText(string Id, int[] Ids, int Label);

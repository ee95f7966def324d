namespace Rudder.Trainer.Data;

/// <summary>A labelled review as token ids, without start and end tokens.</summary>
internal sealed record LabelledText(string Id, int[] Ids, int Label);

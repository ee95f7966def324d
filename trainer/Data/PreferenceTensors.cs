using static TorchSharp.torch;

namespace Rudder.Trainer.Data;

/// <summary>A <see cref="PreferenceBatch"/> as tensors on a device. The caller's dispose scope frees them.</summary>
internal sealed class PreferenceTensors
{
    /// <summary>Copies a batch to a device.</summary>
    /// <param name="batch">The rows.</param>
    /// <param name="device">The model's device.</param>
    public PreferenceTensors(PreferenceBatch batch, Device device)
    {
        InputIds = tensor(batch.InputIds, device: device).reshape(batch.Rows, batch.Length);
        Positions = tensor(batch.Positions, device: device);
        Targets = tensor(batch.Targets, device: device);
        Slots = tensor(batch.Slots, device: device).reshape(batch.Rows, batch.Longest);
        Lengths = tensor(batch.Lengths, device: device).to(ScalarType.Float32);
        Chosen = tensor(batch.Chosen, device: device);
        Rejected = tensor(batch.Rejected, device: device);
    }

    /// <summary>Right-padded ids, int64. [B,T]</summary>
    public Tensor InputIds { get; }

    /// <summary>Flat positions that predict completion tokens, int64. [N]</summary>
    public Tensor Positions { get; }

    /// <summary>The tokens predicted there, int64. [N]</summary>
    public Tensor Targets { get; }

    /// <summary>Index into the N tokens of token t of each row, int64; N where the row has none. [B,L]</summary>
    public Tensor Slots { get; }

    /// <summary>Completion tokens per row, float32. [B]</summary>
    public Tensor Lengths { get; }

    /// <summary>Row of each pair's chosen completion, int64. [P]</summary>
    public Tensor Chosen { get; }

    /// <summary>Row of each pair's rejected completion, int64. [P]</summary>
    public Tensor Rejected { get; }
}

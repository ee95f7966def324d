using Rudder.Trainer.Architectures;
using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Logits;

/// <summary>A language model on TorchSharp with its logits; dropout is off.</summary>
internal sealed class TorchDecoder : IDisposable
{
    private readonly ILanguageModel _model;

    /// <summary>Loads the model.</summary>
    public TorchDecoder(string folder)
    {
        _model = ModelFolder.Load<ILanguageModel>(folder, CPU, dropout: 0);
        _model.eval();
    }

    /// <summary>Logits at chosen places of whole sequences.</summary>
    /// <param name="rows">Sequences of one or more tokens; padded on the right inside.</param>
    /// <param name="places">(row, position): one row of logits each, those after that position's token.</param>
    /// <returns>[places,V], row-major.</returns>
    public float[] Logits(IReadOnlyList<int[]> rows, IReadOnlyList<(int Row, int Position)> places)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        Tensor ids = Collator.Pad(rows, 0, CPU);                                            // [B,T]
        long width = ids.shape[1];
        long[] flat = [.. places.Select(place => (place.Row * width) + place.Position)];
        Tensor hidden = _model.Hidden(ids).reshape(-1, _model.Config.HiddenSize);             // [B·T,D]
        Tensor logits = _model.Head(hidden.index_select(0, tensor(flat, int64, CPU)));       // [N,V]
        return logits.contiguous().data<float>().ToArray();
    }

    public void Dispose() => _model.Dispose();
}
